"""What an operator wants to know of a running application: told, fetched and shown."""
