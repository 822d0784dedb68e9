"""Protection against cross-site request forgery: no other site can send forms in the name of a user."""

from .middleware import CsrfMiddleware, csrf_field, csrf_token

__all__ = ["CsrfMiddleware", "csrf_field", "csrf_token"]
