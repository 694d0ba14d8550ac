"""Where the HTML view of an estimator links to."""

import os

__all__ = ["SITE_VARIABLE", "LinkedToSite"]

# The address of the built site; without it views link to nothing.
SITE_VARIABLE = "SKDL_DOCS_URL"


class LinkedToSite:
    """Links the HTML view of an estimator to its page, where a site is configured.

    Attributes
    ----------
    _documented_in : str
        The module that the estimator is imported from.
    """

    _documented_in = "skdl"
    _doc_link_module = "skdl"

    @property
    def _doc_link_template(self):
        site = os.environ.get(SITE_VARIABLE, "").rstrip("/")
        return f"{site}/api/generated/{{page}}.html" if site else ""

    def _doc_link_url_param_generator(self):
        return {"page": f"{self._documented_in}.{type(self).__name__}"}
