"""The engine room: finder, downloader, uploader and remover on lanes. The only package that makes threads."""
