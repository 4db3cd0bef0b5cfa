"""The form on a body's site: taken in without an account, answered on a page behind a secret link."""
