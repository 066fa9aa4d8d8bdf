// Loads TypeScript where Node does not: versions before 22.18. For `node --import`.
if (!process.features.typescript) await import('tsx');
