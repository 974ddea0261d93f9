"""One module a framework: each has `install(task)`, and touches the framework only once the program has imported it."""
