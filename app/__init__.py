"""The appeal routing service: platforms, people, time and the database around two pure libraries."""
