"""Reference models: plain modules, one a file, that know nothing of ncd; ``zoo`` lists all that we draw."""
