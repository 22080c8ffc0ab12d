"""The durable record of custody: what was found, stored, delivered, proven and removed.

`base` is the port: values and verbs. `sqlite` opens the ledger. Below it one room for each worker's verbs (`finding`,
`fetching`, `delivering`, `removing`, `retaining`), for people's (`deciding`, `reading`, `waiting`, `holding`), and the
floor they stand on: `tables`, `phrases`, `bulk`, `commit`, `logbook`, `lock`, `migrations`.
"""
