"""The durable record of custody: what was found, stored, delivered, proven and removed."""
