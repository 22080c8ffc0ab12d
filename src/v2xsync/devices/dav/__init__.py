"""What WebDAV needs beside its device: addresses, 207 answers, one request at a time, and sending."""
