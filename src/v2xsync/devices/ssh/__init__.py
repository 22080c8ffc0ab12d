"""What the SFTP adapter stands on: the wire, the request pipeline, SSH itself, and the work on files as steps."""
