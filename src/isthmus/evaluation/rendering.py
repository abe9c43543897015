"""Pages from templates: one environment for all reports."""

from __future__ import annotations

from typing import Any

import jinja2

from isthmus.evaluation.wording import number, percent


def render_page(template: str, **context: Any) -> str:
    """Fill a template of this package; what it names and is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("isthmus.evaluation", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(number=number, percent=percent)
    return environment.get_template(template).render(**context)
