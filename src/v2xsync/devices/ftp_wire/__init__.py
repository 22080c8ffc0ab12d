"""What the FTP adapter says and hears on the wire: the connection, TLS, and the many ways to write a listing."""
