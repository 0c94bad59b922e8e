"""The HTTP API: routes, shapes of questions and answers, a file for each resource."""
