"""The functions of CEL and of Kubernetes' libraries for it."""

from __future__ import annotations

import pytest

from expander.validate.cel.functions import authorization
from expander.validate.cel.library import FUNCTIONS, METHODS
from expander.validate.cel.program import Program
from expander.validate.cel.values import CelError

TRUE = """
"abc".startsWith("a") && "abc".endsWith("bc") && "abc".contains("b")
"abc".matches("^a.c$") && matches("xabcx", "b") && !"ab".matches("^b")
"hello".charAt(1) == "e" && "ab".charAt(2) == ""
"hello".indexOf("l") == 2 && "hello".indexOf("l", 3) == 3 && "hello".lastIndexOf("l") == 3 && "a".indexOf("b") == -1
"aBÉ".lowerAscii() == "abÉ" && "aBé".upperAscii() == "ABé"
"a-b-c".replace("-", "+") == "a+b+c" && "a-b-c".replace("-", "+", 1) == "a+b-c"
"a,b,c".split(",") == ["a", "b", "c"] && "a,b,c".split(",", 2) == ["a", "b,c"] && "a".split(",", 0) == []
"abc".split("") == ["a", "b", "c"] && "abc".split("", 2) == ["a", "bc"]
"tacocat".substring(4) == "cat" && "tacocat".substring(0, 4) == "taco"
"  a ".trim() == "a" && "abc".reverse() == "cba"
["a", "b"].join() == "ab" && ["a", "b"].join("-") == "a-b"
strings.quote("a\\n") == '"a\\\\n"'
"%s is %d, %.2f, %x, %b, %o, %%".format(["a", 3, 1.5, 255, 5, 8]) == "a is 3, 1.50, ff, 101, 10, %"
"%s %s %s".format([[1, "b"], {"k": true}, null]) == "[1, b] {k: true} null"
"%s".format([duration("90s")]) == "90s" && "%e".format([1234.5]) == "1.234500e+03"
"abc 123".find("[0-9]+") == "123" && "a".find("b") == "" && "1 22 3".findAll("[0-9]+") == ["1", "22", "3"]
"1 22 3".findAll("[0-9]+", 2) == ["1", "22"]
int("12") == 12 && int(3.9) == 3 && int(-3.9) == -3 && int(5u) == 5 && int(timestamp("1970-01-01T00:01:00Z")) == 60
uint(3) == 3u && double("1.5") == 1.5 && double(2) == 2.0
string(1) == "1" && string(1.0) == "1" && string(true) == "true" && string(b"ab") == "ab" && string(1e7) == "1e+07"
bool("true") && !bool("0") && bytes("a") == b"a"
string(duration("1h30m")) == "5400s" && string(timestamp("2026-01-02T03:04:05.50Z")) == "2026-01-02T03:04:05.5Z"
duration("1h") > duration("59m") && duration("1s") + duration("1s") == duration("2s")
timestamp("2026-01-01T01:00:00+01:00") == timestamp("2026-01-01T00:00:00Z")
timestamp("2026-01-01T00:00:00Z") + duration("24h") == timestamp("2026-01-02T00:00:00Z")
timestamp("2026-01-02T00:00:00Z") - timestamp("2026-01-01T00:00:00Z") == duration("24h")
timestamp("2026-03-04T05:06:07.089Z").getFullYear() == 2026 && timestamp("2026-03-04T05:06:07.089Z").getMonth() == 2
timestamp("2026-03-04T05:06:07.089Z").getDate() == 4 && timestamp("2026-03-04T05:06:07.089Z").getDayOfMonth() == 3
timestamp("2026-03-01T05:06:07.089Z").getDayOfWeek() == 0 && timestamp("2026-03-04T05:06:07.089Z").getDayOfYear() == 62
timestamp("2026-03-04T05:06:07.089Z").getMilliseconds() == 89 && timestamp("2026-03-04T23:00:00Z").getHours("+02:00") == 1
timestamp("2026-07-04T12:00:00Z").getHours("Europe/Berlin") == 14
duration("90m").getHours() == 1 && duration("90m").getMinutes() == 90 && duration("1s").getMilliseconds() == 1000
[1, 2, 2].isSorted() && !["b", "a"].isSorted() && [].isSorted()
[1, 2].sum() == 3 && [1.5, 1.5].sum() == 3.0 && [].sum() == 0 && [duration("1s"), duration("2s")].sum() == duration("3s")
[3, 1, 2].min() == 1 && [3, 1, 2].max() == 3
[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1
[1, 2, 3].slice(1, 3) == [2, 3] && [[1], [2, [3]]].flatten() == [1, 2, [3]] && [[[1]]].flatten(2) == [1]
[1, 1, 2].distinct() == [1, 2] && [2, 1].sort() == [1, 2] && [1, 2].reverse() == [2, 1] && lists.range(3) == [0, 1, 2]
[{"n": 2}, {"n": 1}].sortBy(x, x.n) == [{"n": 1}, {"n": 2}]
[1].first().value() == 1 && ![].last().hasValue()
sets.contains([1, 2], [2]) && sets.equivalent([1, 2, 2], [2, 1]) && sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [2])
optional.of(1).hasValue() && !optional.none().hasValue() && optional.of(1).value() == 1
optional.none().orValue(2) == 2 && optional.of(1).orValue(2) == 1 && optional.none().or(optional.of(3)).value() == 3
!optional.ofNonZeroValue("").hasValue() && optional.ofNonZeroValue("a").hasValue() && !optional.ofNonZeroValue([]).hasValue()
optional.of(2).optMap(x, x + 1) == optional.of(3) && optional.none().optMap(x, x) == optional.none()
optional.of(2).optFlatMap(x, optional.of(x)) == optional.of(2)
{"a": {"b": 1}}.?a.b.orValue(0) == 1 && {"a": 1}.?b.orValue(0) == 0 && {"a": 1}.?b.?c.orValue(5) == 5
[1][?0].orValue(9) == 1 && [1][?7].orValue(9) == 9 && {"a": 1}[?"z"].orValue(9) == 9
[?optional.of(1), ?optional.none(), 2] == [1, 2] && {?"a": optional.none(), "b": 1} == {"b": 1}
[optional.of(1), optional.none()].unwrapOpt() == [1]
quantity("1Gi").isGreaterThan(quantity("1G")) && quantity("500m").isLessThan(quantity("1"))
quantity("1000m") == quantity("1") && quantity("1").compareTo(quantity("2")) == -1
quantity("50k").add(quantity("20k")) == quantity("70k") && quantity("50k").sub(20000) == quantity("30k")
quantity("50k").asInteger() == 50000 && quantity("1.5").asApproximateFloat() == 1.5 && !quantity("1.5").isInteger()
quantity("-1").sign() == -1 && isQuantity("1Ki") && !isQuantity("1 Ki")
ip("10.0.0.1").family() == 4 && ip("::1").family() == 6 && isIP("1.2.3.4") && !isIP("010.0.0.1") && !isIP("::ffff:1.2.3.4")
ip("127.0.0.1").isLoopback() && ip("0.0.0.0").isUnspecified() && ip("169.254.1.1").isLinkLocalUnicast()
ip("224.0.0.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast() && ip("8.8.8.8").isGlobalUnicast()
ip.isCanonical("::1") && !ip.isCanonical("0:0::1") && string(ip("0:0::1")) == "::1"
cidr("10.0.0.0/8").containsIP("10.1.2.3") && !cidr("10.0.0.0/8").containsIP(ip("11.0.0.0"))
cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.0.0.0/16").containsCIDR(cidr("10.0.0.0/8"))
cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") && cidr("10.1.2.3/8").ip() == ip("10.1.2.3") && cidr("::/64").prefixLength() == 64
isCIDR("10.0.0.0/8") && !isCIDR("10.0.0.0/33") && !isCIDR("10.0.0.0")
url("https://u:p@a.b:80/c%20d?x=1&x=2&y").getHost() == "a.b:80" && url("https://a.b:80").getPort() == "80"
url("https://[::1]:80/").getHostname() == "::1" && url("https://a.b/c d").getEscapedPath() == "/c%20d"
url("https://a/?x=1&x=2&y").getQuery() == {"x": ["1", "2"], "y": [""]} && url("/p").getScheme() == ""
isURL("https://a.b/c") && isURL("/abs") && !isURL("rel") && !isURL("https://a:b") && !isURL("http://a b/")
semver("1.2.3").major() == 1 && semver("1.2.3").minor() == 2 && semver("1.2.3").patch() == 3
semver("1.2.3-alpha.1").isLessThan(semver("1.2.3")) && semver("1.10.0").isGreaterThan(semver("1.9.9"))
semver("1.0.0-2").isLessThan(semver("1.0.0-10")) && semver("1.0.0-10").isLessThan(semver("1.0.0-a"))
semver("1.0.0+a").compareTo(semver("1.0.0+b")) == 0 && !isSemver("1.0") && !isSemver("v1.0.0") && isSemver("v1.0", true)
semver("v01.1", true) == semver("1.1.0")
!format.dns1123Label().validate("abc").hasValue() && format.dns1123Label().validate("A_").hasValue()
format.named("qualifiedName").value().validate("a b").value().size() > 0 && !format.named("none").hasValue()
!format.dns1123LabelPrefix().validate("ab-").hasValue() && format.uuid().validate("x").value() == ["does not match the UUID format"]
!format.date().validate("2026-01-31").hasValue() && format.date().validate("2026-02-31").hasValue()
"""

ERRORS = [
    ("'a'.charAt(5)", "index out of range: 5"),
    ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
    ("[].min()", "min called on empty list"),
    ("optional.none().value()", "optional.none() dereference"),
    (
        "quantity('x')",
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    ("quantity('1.5').asInteger()", "cannot convert value to integer"),
    ("int('1.5')", 'strconv.ParseInt: parsing "1.5": invalid syntax'),
    ("int(1e19)", "integer overflow"),
    ("duration('1')", 'time: missing unit in duration "1"'),
    ("timestamp('x')", 'parsing time "x": invalid RFC 3339 timestamp'),
    ("'%d'.format([])", "index 0 out of range"),
    ("'a'.indexOf(1)", "no such overload"),
    ("1.startsWith('a')", "no such overload"),
    ("[1].join()", "no such overload"),
    ("quantity('1').isLessThan(1)", "no such overload"),
    ("ip(1)", "no such overload"),
    ("'a'.matches('(')", None),
    ("semver('1')", 'invalid semantic version "1"'),
]


@pytest.mark.parametrize("text", TRUE.split("\n")[1:-1])
def test_it_is_true(text: str) -> None:
    assert Program(text, [])() is True


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_an_error_has_the_words_of_the_server(text: str, message: str | None) -> None:
    with pytest.raises(CelError) as error:
        Program(text, [])()
    assert message in (None, str(error.value))


def test_every_function_is_tried_here() -> None:
    names = {name.rpartition(".")[2] for name, _ in [*FUNCTIONS, *METHODS]}
    shown = {
        "unwrap",
        "getSeconds",
        "dns1123Subdomain",
        "dns1035Label",
        "dns1123SubdomainPrefix",
        "dyn",
        "type",
    }
    shown |= {
        "dns1035LabelPrefix",
        "labelValue",
        "uri",
        "byte",
        "datetime",
        "qualifiedName",
        "getDate",
        "size",
    }
    shown |= {name for name, _ in authorization.METHODS}  # a server answers these
    assert {name for name in names if f"{name}(" not in TRUE} <= shown


@pytest.mark.parametrize("name", [name for name, _ in METHODS])
def test_a_method_of_a_value_of_another_type_is_an_error_of_cel(name: str) -> None:
    for (method, count), function in METHODS.items():
        if method == name:
            with pytest.raises(CelError):
                function(None, *[None] * count)
