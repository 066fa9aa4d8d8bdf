@rem Scripts in package.json begin with exec, so that npm signals node and not a shell.
@rem cmd.exe has no exec.
@%*
