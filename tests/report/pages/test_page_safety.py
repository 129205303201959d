"""A page is made to be passed on: no password and no markup of a stranger gets into it."""

from tests.report.runs import DAY, compare, failed, in_memory, predicted, words


def test_what_the_doctor_says_cannot_inject_markup(run, tmp_path):
    attack = "<script>alert(1)</script>"
    health = {"verdict": "collapsed", "cause": attack, "sentence": attack, "cure": attack}
    runs = [run({"a": attack, "b": b}, health=health if b else {"verdict": "ok"}) for b in (0, 1)]
    runs += [run({"a": 1, "b": b}, health=health if b else {"verdict": "ok"}) for b in (0, 1)]
    html = compare(runs, tmp_path, day=DAY).read_text().replace("<wbr>", "")
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;alert(1)") > 4


def test_passwords_in_addresses_stay_out(tmp_path):
    command = "python -m skinexp.train tracking.uri=https://bob:secret@other.example"
    html = compare([in_memory("model=only", predicted(0, 1.0), command=command)], tmp_path, day=DAY)
    assert "tracking.uri=https://other.example" in words(html)
    assert "secret" not in html.read_text()


def test_names_and_errors_cannot_inject_markup(tmp_path):
    attack = '<script>alert("x")</script>,"><img src=x onerror=alert(1)>'
    runs = [in_memory(attack, predicted(0, 1.0), command=attack, data_digest=attack), failed(attack, attack)]
    html = compare(runs, tmp_path, day=DAY).read_text().replace("<wbr>", "")
    assert html.count("<script") == 1
    assert "<img" not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html
