"""The whole screen under a person's hands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.events import Key
from textual.widgets import Input

from tests.ui import cast, scenes
from tests.ui.facade import ScriptedFacade
from tests.ui.pilot import station_on_screen
from v2xsync.model.views import DeviceState, StationState
from v2xsync.ui.options import QuitChoice
from v2xsync.ui.panes.queue import QueuePane
from v2xsync.ui.screens.ask import Ask
from v2xsync.ui.screens.story import DeviceScreen, HelpScreen, WhyScreen


async def test_everything_is_there_at_a_glance():
    async with station_on_screen(scenes.busy()) as hand:
        for words in (
            "pbot-server",
            "running",
            "3.5 MB/s",
            "next 03:00",
            "2 errors",
            "Holds (3)",
            "11 min left",
            "57%",
        ):
            assert words in hand.screen, words
        for name in [device.name for device in (*cast.SOURCES, *cast.TARGETS)]:
            assert name in hand.screen, name
        assert "away 2 h" in hand.line("market-4th ")


async def test_a_key_is_acknowledged_in_the_same_frame_by_its_row():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.pilot.press("s")
        assert hand.asked == [("force", "clay-11th")]
        await hand.settle()
        assert "requested" in hand.line("clay-11th ")


async def test_what_is_done_everywhere_is_acknowledged_by_a_notice_and_repeats_are_counted():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("S", "S", "S")
        assert hand.asked == [("force",)] * 3
        assert "Sync requested: every route  (x3)" in hand.screen
        assert hand.screen.count("Sync requested") == 1


async def test_a_key_that_cannot_be_used_is_dim_and_says_why():
    async with station_on_screen(scenes.busy(), (120, 36)) as hand:
        await hand.press("x")
        assert "Only a file in motion can be cancelled" in hand.screen
        assert hand.asked == []


async def test_details_of_a_file_tell_its_whole_life_and_close_again():
    async with station_on_screen(scenes.busy(), (100, 50)) as hand:
        await hand.press("tab", "tab", "down", "down", "down", "enter")
        assert isinstance(hand.app.screen, WhyScreen)
        for words in ("safe in the store", "It waits for office", "proof hash", "425 Cannot open", "not delivered yet"):
            assert words in hand.screen, words
        await hand.press("escape")
        assert hand.in_front is hand.app.main


async def test_details_of_a_device_tell_its_trouble_and_its_remedy():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("down", "down", "enter")
        assert isinstance(hand.app.screen, DeviceScreen)
        assert "no answer from 10.1.2.14" in hand.screen
        assert "Check the modem" in hand.screen
        hand.station.change(devices=(replace(cast.SOURCES[2], state=DeviceState.UP, trouble=""),))
        await hand.pull()
        assert "no answer from 10.1.2.14" not in hand.screen


async def test_a_file_the_ledger_forgot_is_said_plainly():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("tab", "tab", "enter")
        assert "knows nothing of this file" in hand.screen


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", "Queue"),
        ("3", "oldest|delivered"),
        ("h", "released"),
        ("4", "backlog"),
        ("5", "the answer was lost"),
        ("e", "the answer was lost"),
        ("6", "nightly run"),
        ("l", "nightly run"),
        ("1", "Sources"),
    ],
)
async def test_every_view_has_its_key_and_escape_leads_home(key, words):
    async with station_on_screen(scenes.busy(), (100, 30)) as hand:
        await hand.press(key)
        assert any(word in hand.screen for word in words.split("|"))
        await hand.press("escape")
        assert hand.app.main.current == "live"
        assert "Targets" in hand.screen


async def test_seeing_the_errors_takes_their_badge_away():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("e")
        assert ("acknowledge",) in hand.asked
        await hand.pull()
        assert "2 errors" not in hand.screen
        assert "no space left on device" in hand.screen


async def test_a_read_only_window_changes_nothing_and_just_closes():
    async with station_on_screen(scenes.busy(), read_only=True) as hand:
        await hand.press("s", "S", "p", "r", "e", "r")
        assert hand.asked == []
        assert "read-only" in hand.screen
        await hand.pilot.press("q")
        assert hand.app.return_value is QuitChoice.ENDED


# --- filter and order -------------------------------------------------------------------------------------------------


async def test_a_filter_is_typed_kept_and_cleared():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("2", "slash", "n", "a", "i", "t", "o")
        assert "clay-11th" not in hand.screen
        await hand.press("enter")
        total = len(cast.TRANSFERS) + len(cast.QUEUE)
        found = sum("naito" in row.source for row in cast.QUEUE)
        assert f"/naito {found} of {total}" in hand.screen
        hand.station.change(queue=cast.QUEUE[1:])
        await hand.pull()
        assert f"/naito {found} of {total - 1}" in hand.screen
        await hand.press("escape")
        assert "clay-11th" in hand.screen
        assert hand.app.main.current == "queue"


async def test_letters_typed_into_the_filter_do_nothing_else():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("slash", "s", "S", "p", "q", "1", "x")
        assert hand.asked == []
        assert hand.in_front is hand.app.main


async def test_the_order_changes_and_says_so():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("tab", "tab", "o")
        assert "by name" in hand.screen


async def test_the_log_changes_its_level():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("l", "o", "o")
        assert "nightly run" not in hand.screen
        assert "warning and worse" in hand.screen


# --- questions --------------------------------------------------------------------------------------------------------


async def test_quitting_asks_and_enter_on_the_question_stays():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("q")
        assert isinstance(hand.app.screen, Ask)
        assert "5 files are in motion; 1,488 files wait" in hand.screen
        await hand.press("enter")
        assert hand.in_front is hand.app.main
        assert hand.asked == []


async def test_finishing_first_drains_and_the_screen_closes_when_the_station_has_stopped():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("q", "f")
        assert hand.asked == [("drain",)]
        assert "finishing" in hand.screen
        hand.station.change(state=StationState.STOPPED)
        hand.app.look_again()
        await hand.pilot.pause()
        assert hand.app.return_value is QuitChoice.FINISHED


async def test_while_finishing_a_second_quit_offers_to_stop_now():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("q", "down", "enter", "q")
        assert "ends by itself" in hand.screen
        await hand.pilot.press("s")
        await hand.pilot.pause()
        assert hand.asked == [("drain",), ("stop",)]
        assert hand.app.return_value is QuitChoice.STOPPED


async def test_ctrl_c_and_ctrl_q_ask_too():
    for key in ("ctrl+c", "ctrl+q"):
        async with station_on_screen(scenes.busy()) as hand:
            await hand.press(key)
            assert isinstance(hand.app.screen, Ask)


async def test_a_station_that_stops_by_itself_closes_the_screen():
    async with station_on_screen(scenes.busy()) as hand:
        hand.station.change(state=StationState.STOPPED)
        hand.app.look_again()
        await hand.pilot.pause()
        assert hand.app.return_value is QuitChoice.ENDED


async def test_stopping_a_transfer_with_progress_asks_and_the_safe_answer_is_selected():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("tab", "tab", "x")
        assert "is at 41 %" in hand.screen
        await hand.press("enter")
        assert hand.asked == []
        await hand.press("x", "s")
        assert hand.asked == [("cancel", 1)]


async def test_a_hold_is_released_by_choice_and_a_name():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("e", "r")
        assert "the target has it twice" in hand.screen
        assert "Release this hold at px4-logs?" in hand.screen
        await hand.press("enter")
        assert ("release", 31, False, "dana", "px4-logs") not in hand.asked
        await hand.press("r", "v")
        assert ("release", 31, True, "dana", "px4-logs") in hand.asked
        await hand.press("r", "a")
        assert ("release", 31, False, "dana", "px4-logs") in hand.asked


async def test_only_a_delivery_that_a_person_may_vouch_for_can_be_accepted():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("e", "down", "r")
        assert "Accept it" not in hand.screen
        assert "Do it again" in hand.screen


# --- small things -----------------------------------------------------------------------------------------------------


async def test_help_shows_every_key_and_the_palette_every_command():
    async with station_on_screen(scenes.busy(), (100, 60)) as hand:
        await hand.press("question_mark")
        assert isinstance(hand.app.screen, HelpScreen)
        assert "Let the selected file go next" in hand.screen
        await hand.press("escape", "ctrl+p", *"pause ev")
        await hand.pilot.pause(0.2)
        await hand.settle()
        assert "Pause everything" in hand.screen
        await hand.press("enter")
        assert ("pause",) in hand.asked


async def test_a_remapped_key_works_and_is_shown():
    async with station_on_screen(scenes.busy(), keys={"sync": "f5"}) as hand:
        await hand.press("s")
        assert hand.asked == []
        await hand.press("f5")
        assert hand.asked == [("force", "clay-11th")]
        assert "F5 Sync" in hand.screen


async def test_a_small_terminal_says_what_it_needs_and_the_keys_still_live():
    async with station_on_screen(scenes.busy(), (50, 12)) as hand:
        assert "needs 60 x 16" in hand.screen
        assert "this terminal has 50 x 12" in hand.screen
        await hand.press("s")
        assert hand.asked == [("force", "clay-11th")]


async def test_the_picture_is_saved_where_the_options_say(tmp_path):
    async with station_on_screen(scenes.busy(), pictures=tmp_path) as hand:
        await hand.press("f8")
        assert [path.name for path in tmp_path.iterdir()] == ["v2xsync-live-20260305-004207.svg"]
        await hand.press("q", "f8")


async def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path):
    async with station_on_screen(scenes.busy(), pictures=tmp_path / "none") as hand:
        await hand.press("f8")
        assert "could not be saved" in hand.screen


async def test_a_slow_link_is_shown():
    async with station_on_screen(scenes.busy()) as hand:
        for _ in range(3):
            hand.app.pace.tick(9.0)
        await hand.pull()
        assert "slow link" in hand.screen


async def test_a_terminal_that_is_behind_gets_no_newer_picture_and_then_fewer(monkeypatch):
    async with station_on_screen(scenes.busy()) as hand:
        monkeypatch.setattr(hand.app, "_behind", lambda: True)
        hand.station.change(name="elsewhere")
        for _ in range(3):
            hand.app._tick()
        await hand.settle()
        assert hand.app.pace.slow
        assert "elsewhere" not in hand.screen
        monkeypatch.setattr(hand.app, "_behind", lambda: False)
        hand.app.pull()
        await hand.settle()
        assert "elsewhere" in hand.screen
        assert "slow link" in hand.screen


async def test_names_never_steer_the_terminal_nor_become_markup():
    evil = "\x1b[31m\u202efdp.exe[bold]x[/bold]\x07.csv"
    held = tuple(replace(hold, path=evil, reason=evil) for hold in cast.HOLDS)
    lines = [replace(line, path=evil, detail=evil, device=evil) for line in cast.history()]
    station = ScriptedFacade(scenes.busy().scene, cast.EVENTS, lines, held, {31: cast.LIFE})
    dossier = replace(cast.LIFE.dossier, path=evil)
    station.whys[31] = replace(cast.LIFE, dossier=dossier, summary=(evil,))
    async with station_on_screen(station, (120, 36)) as hand:
        for keys in (["e"], ["enter"], ["escape", "r"], ["escape", "h"]):
            await hand.press(*keys)
            assert "[bold]x[/bold]" in hand.screen
            assert not {"\x1b", "\u202e", "\x07"} & set(hand.screen)


async def test_ascii_means_ascii():
    async with station_on_screen(scenes.wide_names(), (120, 36), ascii=True) as hand:
        for keys in ([], ["2"], ["h"], ["4"], ["e"], ["l"], ["q"]):
            await hand.press(*keys)
            assert hand.screen.isascii(), next(char for char in hand.screen if not char.isascii())


async def test_the_terminal_may_say_that_it_has_no_colours(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with station_on_screen(scenes.busy()) as hand:
        assert hand.app.no_color
        assert "away 2 h" in hand.screen


async def test_an_unknown_theme_falls_back_to_ours():
    async with station_on_screen(scenes.busy(), theme="no such") as hand:
        assert hand.app.theme == "courier"


async def test_closing_from_outside_ends_the_screen_and_leaves_the_station_alone():
    async with station_on_screen(scenes.busy()) as hand:
        hand.app.close_from_outside()
        await hand.pilot.pause()
        assert hand.app.return_value is QuitChoice.ENDED
        assert hand.asked == []


async def test_letters_typed_ahead_of_the_screen_reach_the_filter_and_nothing_else():
    async with station_on_screen(scenes.busy()) as hand:
        for character in "/pows":
            name = "slash" if character == "/" else character
            hand.app.post_message(Key(name, character))
        await hand.settle()
        await hand.settle()
        assert hand.asked == []
        assert hand.app.query_one("#filter", Input).value == "pows"


async def test_a_slash_can_be_typed_into_the_filter():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("2", "slash", "s", "r", "m", "slash")
        assert "/srm/ " in hand.screen


async def test_tabs_and_hints_can_be_clicked():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.pilot.click("#tabs", offset=(13, 0))
        await hand.settle()
        assert hand.app.main.current == "queue"
        await hand.pilot.click("#keys", offset=(10, 0))
        await hand.settle()
        assert ("force",) in hand.asked


async def test_a_row_is_opened_by_a_double_click():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.pilot.click("#sources-lines", offset=(5, 2), times=2)
        await hand.settle()
        assert isinstance(hand.app.screen, DeviceScreen)
        assert "market-4th" in hand.screen


async def test_a_very_wide_screen_tells_of_the_selected_row():
    async with station_on_screen(scenes.busy(), (200, 50)) as hand:
        assert "last contact" in hand.screen
        await hand.press("tab", "tab", *["down"] * 5)
        assert "connection lost at 1.2 MB" in hand.screen
        assert "tried         2 times" in hand.screen


async def test_files_that_have_begun_stand_above_those_that_have_not():
    station = scenes.busy()
    station.change(transfers=tuple(replace(row, position=0) for row in cast.TRANSFERS[:3]) + cast.TRANSFERS[3:])
    async with station_on_screen(station) as hand:
        rows = hand.app.main.query_one(QueuePane).lines.rows
        assert [row.item_id for row in rows[:5]] == [4, 6, 1, 2, 3]


async def test_the_palette_opens_the_filter_too():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("ctrl+p", *"filter")
        await hand.pilot.pause(0.2)
        await hand.press("enter", *"clay")
        assert "/clay 1 of 6" in hand.screen


async def test_after_a_dialog_the_screen_is_fresh_at_the_next_pull():
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("q")
        hand.station.change(holds=7)
        hand.app.pull()
        await hand.press("escape")
        hand.app.pull()
        await hand.settle()
        assert "Holds (7)" in hand.screen


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (121, 37), (200, 50)])
async def test_every_line_fills_the_terminal_exactly_whatever_the_letters(size):
    async with station_on_screen(scenes.wide_names(), size) as hand:
        for keys in ([], ["2"], ["4"], ["l"], ["1", "enter"]):
            await hand.press(*keys)
            lines = hand.screen.splitlines()
            assert len(lines) == size[1]
            assert {cell_len(line) for line in lines} == {size[0]}


async def test_the_terminal_may_grow_and_shrink():
    async with station_on_screen(scenes.busy(), (50, 12)) as hand:
        assert "needs 60 x 16" in hand.screen
        for width, height, there in (
            (80, 24, "Queue 1,488"),
            (200, 50, "Selected"),
            (60, 16, "retry"),
            (40, 10, "needs"),
        ):
            await hand.pilot.resize_terminal(width, height)
            await hand.settle()
            await hand.settle()
            assert there in hand.screen, (width, height)
            assert ("needs 60 x 16" in hand.screen) == (width < 60)
