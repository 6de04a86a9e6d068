"""The ways in which people are told that are not AWS's own: signed webhooks; Slack's will stand here, too."""
