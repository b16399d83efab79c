"""`/attachments`, asked as clients, other sites and attackers do."""
