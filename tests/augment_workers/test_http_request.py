import json
from typing import Any

import pytest

from augment_workers.base import AugmentationError
from augment_workers.http_request import Method, RequestTemplate, Send

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "key": {}},
    "required": ["city"],
}


def filled(
    url: str, arguments: dict[str, Any], method: Method = "GET", send: Send | None = None
) -> tuple[str, Any]:
    address, body = RequestTemplate(method, url, send, CITY).fill(arguments)
    return str(address), body


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({"city": "Oslo"}, "https://a.example/Oslo"),
        ({"city": "Oslo", "days": 3}, "https://a.example/Oslo?days=3"),
        ({"city": "Sankt Pölten/x?#%"}, "https://a.example/Sankt%20P%C3%B6lten%2Fx%3F%23%25"),
        ({"city": "a@b.example:80"}, "https://a.example/a%40b.example%3A80"),
        ({"city": "x", "key": [1, "b c"]}, "https://a.example/x?key=1&key=b+c"),
        ({"city": "x", "key": None, "days": 0}, "https://a.example/x?days=0"),
        (
            {"city": "x", "key": {"a": [True]}},
            "https://a.example/x?key=%7B%22a%22%3A+%5Btrue%5D%7D",
        ),
        ({"city": "x", "key": "&b=1"}, "https://a.example/x?key=%26b%3D1"),
    ],
)
def test_arguments_in_path_and_query(arguments: dict[str, Any], url: str) -> None:
    assert filled("https://a.example/{city}", arguments) == (url, None)


def test_a_query_of_the_url_stays() -> None:
    url = "https://a.example/?units=si&q={city}"
    assert filled(url, {"city": "a&b", "days": 2}) == (
        "https://a.example/?units=si&q=a%26b&days=2",
        None,
    )


def test_arguments_in_a_body() -> None:
    arguments = {"city": "Oslo", "days": 3, "key": {"a": None}}
    url, body = filled("https://a.example/{city}", arguments, "POST")
    assert url == "https://a.example/Oslo"
    assert json.loads(json.dumps(body)) == {"days": 3, "key": {"a": None}}
    assert filled("https://a.example/{city}", arguments, "GET", "json")[1] is not None
    assert filled("https://a.example/{city}", {"city": "x"}, "POST") == (
        "https://a.example/x",
        {},
    )


@pytest.mark.parametrize("city", ["", ".", "..", "..."])
def test_an_argument_cannot_lead_to_another_path(city: str) -> None:
    with pytest.raises(AugmentationError, match=r"arguments\.city") as error:
        filled("https://a.example/users/{city}/notes", {"city": city})
    assert error.value.code == "bad_arguments"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://a.example/", "must begin with http"),
        ("/path", "must begin with http"),
        ("https:///path", "must begin with http"),
        ("https://a.example:port/", "url: "),
        ("https://{city}.example/", "path and query alone"),
        ("https://a.example:{city}/", "path and query alone|url: "),
        ("https://user:word@a.example/", "secrets belong in headers"),
        ("https://a.example/?key=${KEY}", r"secrets belong in headers|no argument"),
        ("https://a.example/{town}", r"\{town\} is no argument"),
        ("https://a.example/{days}", r"\{days\} must be one of the schema's required"),
        ("https://a.example/?days=1", "its query has 'days'"),
    ],
)
def test_mistakes_in_the_url(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RequestTemplate("GET", url, None, CITY)
