@rem The scripts in package.json start with exec, so that npm's signals reach node and not a shell.
@rem cmd.exe has no exec and runs this file instead.
@%*
