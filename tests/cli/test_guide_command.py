"""`paramedic guide` as people use it."""

import json

SERVICE = "service: shop\ncomponents:\n  phone: {kind: client, sort: microphone}\n"


def test_from_the_complaint_to_the_end(home, paramedic):
    """Each command says what comes next; everything can be read afterwards."""
    (home / "paramedic.yaml").write_text(SERVICE)
    (home / "guides").mkdir()
    (home / "guides" / "microphone.yaml").write_text("helps: [guidance.microphone]\nsteps: [{do: say a sentence}]\n")
    told = paramedic("guide", "complain", "phone", "it does not hear me")
    assert told.returncode == 0, told.stderr
    assert "phone: guidance.microphone" in told.stdout
    assert "hint: paramedic guide start phone" in told.stdout
    begun = json.loads(paramedic("guide", "start", "phone", "--format", "json").stdout)["plan"]
    under_way = paramedic("guide", "status").stdout
    assert begun["id"] in under_way
    assert "0 of 1" in under_way
    assert begun["id"] in paramedic("guide", "status", begun["id"][-6:]).stdout
    refused = paramedic("approve", begun["id"])
    assert refused.returncode == 1
    assert "guide tick" in refused.stderr
    ticked = paramedic("guide", "tick", begun["id"][-6:], "--note", "the level moves")
    assert ticked.returncode == 0
    assert "verified: every step was done" in ticked.stdout
    assert "the level moves" in ticked.stdout
    shown = paramedic("incidents", "show", begun["incident"]).stdout
    assert "healed by `microphone`" in shown
    assert "guide.step phone done: ticked off by" in shown


def test_reading_needs_nothing_but_the_service_file(home, paramedic):
    """Guides can be listed and read beforehand; a wrong name is told with the right ones."""
    (home / "paramedic.yaml").write_text(SERVICE)
    assert "mobile-client" in paramedic("guide").stdout
    read = paramedic("guide", "show", "sign-in-again")
    assert "check: client.token-is-accepted" in read.stdout
    wrong = paramedic("guide", "show", "nothing")
    assert wrong.returncode == 64
    assert "known: computer-client" in wrong.stderr
    assert paramedic("guide", "status", "guide-1").returncode == 64
    assert not (home / ".paramedic").exists()
