"""What conditions say: true, false, or why they can't be judged."""

import pytest

from permissions.engine.cel.compile import compiled
from permissions.engine.operands import Fault
from tests.permissions.engine.cel.world import FACTS

T, F = True, False
MEANINGS: dict[str, bool | str] = {
    # comparisons
    "user.region == resource.region": T,
    "user.region != resource.region": F,
    'user.region == "emea"': F,
    "user.clearance >= resource.level": T,
    "user.clearance > resource.level": F,
    "user.clearance < 2.5": T,
    "user.clearance <= 1": F,
    "user.clearance == 2.0": T,
    "user.text == 7": "can't compare string with number",
    "user.text < 7": "can't order string and number",
    "user.nil == null": T,
    "user.region == null": F,
    "user.region != null": T,
    "user.teams == null": "can't compare list with null",
    "user.none == 1": "user.none is missing",
    "env.weather == 1": "env.weather is missing",
    "resource.public == true": T,
    "resource.public != 1": "can't compare boolean with number",
    '"b" > "a"': T,
    "-1 < 0": T,
    "1e3 == 1000": T,
    # reserved names
    'resource.type == "page"': T,
    'user.id == "me"': T,
    "has(resource.id)": F,
    "resource.id == user.id": "resource.id is missing",
    '"analyst" in user.roles': T,
    '"admin" in user.roles': F,
    # connectives; faults are absorbed where they can change nothing
    "true": T,
    "false": F,
    "!false": T,
    "!!resource.public": T,
    "user.none == 1 || true": T,
    "user.none == 1 && false": F,
    "user.none == 1 && true": "user.none is missing",
    "false || user.none == 1": "user.none is missing",
    "!(user.none == 1)": "user.none is missing",
    "true && true && false || true": T,
    # flags
    "resource.public": T,
    "resource.public && !resource.level": "resource.level is no boolean but number",
    "user.none": "user.none is missing",
    # ? :
    "resource.public ? true : user.none": T,
    "resource.public ? user.none : true": "user.none is missing",
    "user.none ? true : true": "user.none is missing",
    "(user.clearance > 1 ? 3 : 4) == 3": T,
    "(user.clearance > 5 ? user.none : 4) == 4": T,
    # in
    'user.region in ["EMEA", "APAC"]': T,
    "user.region in []": F,
    "user.clearance in [1, 2.0, true]": T,
    "resource.public in [1]": F,
    'resource.region in [user.region, "APAC"]': T,
    '"red" in resource.tags': T,
    "1 in resource.mixed": T,
    "null in resource.mixed": T,
    '"red" in user.region': "can't look for string in string",
    "user.teams in user.teams": "can't look for list in list",
    '"red" in user.none': "user.none is missing",
    'user.none in ["a"]': "user.none is missing",
    # has
    "has(user.nil)": T,
    "has(user.none)": F,
    "has(resource.region) && has(env.ip)": T,
    # strings
    'resource.region.startsWith("EM")': T,
    'resource.region.startsWith("")': T,
    'resource.region.startsWith("em")': F,
    'resource.region.endsWith("EA")': T,
    'resource.title.contains("ö")': T,
    'resource.title.contains("o\\u0308")': F,
    'resource.title.endsWith("😀")': T,
    'resource.region.contains(".")': F,
    "resource.region.contains(user.region)": T,
    'resource.level.startsWith("2")': "startsWith is for strings, not for number and string",
    'resource.none.startsWith("2")': "resource.none is missing",
    '"EMEA-1".startsWith(resource.region)': T,
    # size
    "size(resource.tags) == 2": T,
    "resource.tags.size() != 2": F,
    "size(resource.tags) > 1": T,
    "size(resource.tags) >= 3": F,
    "2 < size(resource.tags)": F,
    "3 > size(resource.tags)": T,
    "size(resource.title) == 7": T,
    "size(resource.empty) < 1": T,
    "size(resource.empty) < 0": F,
    "size(resource.level) == 1": "number has no size",
    "size(user.teams) == size(resource.tags)": T,
    'size("a" + user.region) == 5': T,
    # exists, all
    'resource.tags.exists(t, t == "x")': T,
    'resource.tags.exists(t, t == "q")': F,
    'resource.tags.all(t, t in ["x", "red"])': T,
    "resource.tags.exists(t, t in user.teams)": T,
    "user.teams.exists(t, t in resource.tags)": T,
    "user.teams.all(t, t in resource.tags)": F,
    "user.teams.exists(t, t == resource.region)": F,
    "user.teams.exists(t, resource.tags.exists(r, r == t))": T,
    "user.teams.all(t, resource.tags.all(r, r != t))": F,
    "resource.empty.exists(t, t == 1)": F,
    "resource.empty.all(t, t == user.none)": T,
    'resource.mixed.exists(t, t == "red")': T,
    "resource.mixed.exists(t, t == 1)": T,
    "resource.mixed.exists(t, t == 2)": "can't compare string with number",
    "resource.mixed.all(t, t == 1)": F,
    "resource.mixed.all(t, t != 2)": "can't compare string with number",
    'resource.mixed.all(t, t == "blue")': F,
    'resource.region.exists(t, t == "E")': "can't go through string",
    "user.many.exists(t, t == resource.region)": "more than 200 elements",
    'resource.many.exists(t, t == "y")': F,
    "resource.many.exists(t, t in resource.many)": "more than 200 elements",
    "resource.many.exists(t, resource.many.exists(u, u == t))": "more than 200 elements",
    "resource.tags.exists(t, resource.many.exists(u, u == t))": "more than 200 elements",
    "user.teams.exists(t, resource.many.exists(u, u == t))": F,
    "resource.deep.exists(t, size(t) == 2)": T,
    'resource.deep.exists(t, "c" in t)': T,
    '[user.region, "APAC"].exists(r, r == resource.region)': T,
    'resource.tags.exists(t, t.startsWith("r") || t == "q")': T,
    # arithmetic
    "user.clearance + 1 == 3": T,
    "user.clearance - 3 == -1": T,
    "user.clearance * 2 == 4": T,
    "5 / user.clearance == 2": T,
    "-5 / user.clearance == -2": T,
    "5.0 / user.clearance == 2.5": T,
    "-5 % user.clearance == -1": T,
    "-user.clearance == -2": T,
    "user.half * 2 == 1": T,
    "user.clearance / 0 == 1": "division by zero",
    "user.clearance % 0 == 1": "division by zero",
    "user.half % 2 == 1": "can't take a rest of number and number",
    "user.huge + 1 == 0": "a whole number out of range",
    "user.huge * user.huge > 0": "a whole number out of range",
    '"a" + user.region == "aEMEA"': T,
    "user.region + 1 == 2": "can't add string and number",
    "resource.public + 1 == 2": "can't add boolean and number",
    # the moment: Monday, 2 March 2026, 12:00 UTC
    'env.time == timestamp("2026-03-02T13:00:00+01:00")': T,
    'env.time < timestamp("2026-03-02T12:00:00.0009Z")': F,
    "env.time.getFullYear() == 2026": T,
    "env.time.getMonth() == 2": T,
    "env.time.getDate() == 2": T,
    "env.time.getDayOfMonth() == 1": T,
    "env.time.getDayOfWeek() == 1": T,
    "env.time.getDayOfYear() == 60": T,
    "env.time.getHours() == 12": T,
    'env.time.getHours("Europe/Berlin") == 13': T,
    'env.time.getHours("-05:30") == 6': T,
    'env.time.getMinutes("-05:30") == 30': T,
    'env.time.getDayOfWeek("Pacific/Kiritimati") == 2': T,
    "env.time.getHours(user.region) == 1": "no such time zone: 'EMEA'",
    "env.time.getHours(user.teams) == 1": "no such time zone",
    "user.region.getHours() == 1": "getHours is for times",
    'env.time - user.hired == duration("8772h")': T,
    'env.time + duration("1h30m") > env.time': T,
    'resource.made > env.time - duration("24h")': T,
    'env.time - resource.made < duration("13h30m1ms")': T,
    'duration("1.5h") == duration("90m")': T,
    'duration("-90s") < duration("0s")': T,
    'env.time + duration("99999999h") > env.time': "out of range",
    "user.hired - 1 > 0": "can't subtract date and number",
    # where from
    'cidr("10.0.0.0/8").containsIP(env.ip)': T,
    'cidr("10.1.2.3/8").containsIP(ip(env.ip))': T,
    'cidr("192.168.0.0/16").containsIP(env.ip)': F,
    'cidr("2001:db8::/32").containsIP(env.six)': T,
    'cidr("2001:db8::/32").containsIP(env.ip)': F,
    'cidr("10.0.0.0/8").containsIP(env.mapped)': T,
    'cidr("::/0").containsIP(env.ip)': F,
    'cidr(user.net).containsIP("192.168.7.7")': T,
    'cidr("10.0.0.0/8").containsIP(user.region)': "not an address: 'EMEA'",
    'cidr("10.0.0.0/8").containsIP(user.teams)': "not an address",
    'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16")': T,
    'cidr("10.0.0.0/8").containsCIDR("::/0")': F,
    "isIP(env.ip) && !isIP(user.region) && isCIDR(user.net)": T,
    "ip(env.six).family() == 6": T,
    "env.session_age < 3600": T,
    'env.device == "d1"': T,
    # conditions as values
    "(user.clearance > 1) == resource.public": T,
    "(user.none > 1) == true": "user.none is missing",
    # text and layout
    "user.region\n  == 'EMEA' // by hand\n": T,
    "user.region == '''EMEA'''": T,
    'r"\\d" == "\\\\d"': T,
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_condition_says(text: str) -> None:
    wanted, truth = MEANINGS[text], compiled(text).test()(FACTS)

    if isinstance(wanted, str):
        assert isinstance(truth, Fault)
        assert wanted in truth.reason
    else:
        assert truth is wanted


def test_an_explanation_shows_what_was_compared() -> None:
    explained = {
        'user.region == "APAC"': "user.region == 'APAC' ('EMEA' == 'APAC')",
        'env.time - duration("24h") > resource.made': '(env.time - duration("86400s")) > resource.made '
        '(timestamp("2026-03-01T12:00:00Z") > timestamp("2026-03-01T22:30:00Z"))',
        'cidr("10.0.0.0/8").containsIP(env.ip)': "cidr('10.0.0.0/8').containsIP(env.ip) (10.0.0.0/8, 10.1.2.3)",
        'resource.title.contains("x")': "resource.title.contains('x') ('Größe 😀', 'x')",
        "size(resource.tags) > 2": "not (size(resource.tags) in 0..2 (['red', 'x']))",
        "resource.public ? true : false": "(resource.public (True)) ? (nothing to hold) : (nothing that could hold)",
    }

    assert {text: compiled(text).explain(FACTS) for text in explained} == explained
