"""``v2xsync holds``: what waits for a person, and why."""

from __future__ import annotations

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.moments import shown
from v2xsync.cli.records import reading


def run(call: Call) -> int:
    """Print every hold, the oldest first; holds alone are no failure of this command."""
    config = call.config(opens_devices=False)
    with reading(config) as reader:
        holds = reader.holds()
    if call.out.as_json:
        call.out.document({"holds": holds})
        return DONE
    rows = [
        (str(hold.item_id), shown(hold.since, config.zone), hold.step.value, hold.device, hold.path, hold.reason)
        for hold in holds
    ]
    call.out.table(("item", "since", "step", "device", "path", "reason"), rows)
    if holds:
        vouch = " (or --accept, to vouch for a delivery yourself)" if any(hold.may_accept for hold in holds) else ""
        call.out.talk(f"let them go on with: v2xsync release ITEM --again{vouch}")
    else:
        call.out.talk("nothing is on hold")
    return DONE
