"""Setting projects up and managing them, over HTTP."""  # noqa: A005
