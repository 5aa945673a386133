"""Pages about commands and topics: as help, as manual pages, and as data for the documents."""
