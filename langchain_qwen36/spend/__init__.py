"""A durable ledger of what calls cost, with limits that processes and machines share."""
