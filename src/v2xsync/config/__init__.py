"""The config file: its shape, the values it becomes, its errors and its secrets. Knows no engine and no clock."""
