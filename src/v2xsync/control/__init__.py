"""The control socket: a running engine's facade, served to other processes of the same user, and called by them.

`messages` is what is said, `address` where and to whom; `desk` answers, `server` listens; `line` calls, `caller` is the
facade over one line, `remote` the facade that outlives restarts of the service. `notify` speaks to systemd.
"""
