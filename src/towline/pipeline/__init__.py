"""CI model, pure: pipeline resources, Jenkinsfile semantics, commands, lint."""
