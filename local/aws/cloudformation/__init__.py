"""CloudFormation: the resources and properties that moto lacks. Importing it loads most services of moto (a second)."""
