/**
 * The report's look: a laboratory notebook. Notes stand in the margin, left of a red line; the entries stand right of it. On a
 * narrow screen the margin closes and its notes move above their entries.
 */
import { bookFace, customProperties, darkPalette, lightPalette } from './palette.ts';

export const pageStyle = `
:root{color-scheme:light dark;${customProperties(lightPalette)}--wash:#f3eee1}
@media (prefers-color-scheme:dark){:root{${customProperties(darkPalette)}--wash:#1e222a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 ${bookFace};-webkit-text-size-adjust:100%;text-size-adjust:100%}
main{max-width:1320px;margin:0 auto;padding:0 16px 64px}
header,section{display:grid;grid-template-columns:minmax(0,1fr);border-left:2px solid var(--wrong);padding:0 0 40px 16px}
header{padding-top:32px}
h1{font-weight:400;font-size:1.1rem;margin:0;overflow-wrap:anywhere}
h1 b{display:block;font-size:1.6rem;font-weight:600;line-height:1.2}
h2{font-size:1.25rem;font-weight:600;line-height:1.25;margin:0}
h3{font-size:1rem;font-weight:600;margin:28px 0 8px}
h2:last-child{margin-bottom:14px}
h2+p,.date{color:var(--muted);font-style:italic;font-size:.9rem;line-height:1.4;margin:4px 0 14px}
.entry{min-width:0}
.entry>:first-child{margin-top:0}
p{max-width:42em;margin:0 0 12px}
.result{display:flex;flex-wrap:wrap;gap:24px 40px;align-items:center}
.result>div{flex:1 1 17em}
.sentence{font-size:clamp(1.5rem,4vw,2.35rem);line-height:1.18;margin:0 0 16px;text-wrap:balance}
svg,img{display:block;max-width:100%;height:auto}
.hundred rect{fill:var(--validation)}
.hundred path{stroke:var(--wrong);stroke-width:2.5;stroke-linecap:round}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:20px;max-width:820px}
.scroll{overflow-x:auto;max-width:100%;scrollbar-width:thin}
.scroll>svg{max-width:none}
table{border-collapse:collapse;font-size:.88rem;line-height:1.35;font-variant-numeric:lining-nums tabular-nums}
th,td{padding:4px 18px 4px 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule)}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:400;font-style:italic;color:var(--muted);white-space:nowrap;border-bottom-color:var(--ink)}
tbody th{font-weight:400}
tfoot th,tfoot td{border-bottom:0;border-top:1px solid var(--ink);font-weight:600}
.n{text-align:right}
.n,.text{white-space:nowrap}
.prose{min-width:16em}
.name{overflow-wrap:anywhere;min-width:8em}
.bar{width:130px;min-width:70px}
.bar i{display:block;height:.6em;background:var(--wrong)}
.chosen{background:var(--wash)}
code,pre{font:.82rem/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
code{overflow-wrap:anywhere}
pre{background:var(--wash);border-left:3px solid var(--validation);margin:0 0 14px;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;max-width:58em}
details,.after{margin-top:16px}
summary{cursor:pointer;color:var(--validation);margin-bottom:8px}
.alarm{color:var(--wrong)}
@media (max-width:600px){th,td{padding-right:12px}}
@media (min-width:900px){
main{padding:0 40px 96px}
header,section{grid-template-columns:12.5rem minmax(0,1fr);column-gap:56px;border:0;padding:0 0 52px;background:linear-gradient(var(--wrong),var(--wrong)) no-repeat calc(12.5rem + 24px) 0/1px 100%}
header{padding-top:48px}
h2,h2+p,h1,.date{text-align:right}
}
@media print{section{break-inside:avoid}}
`;
