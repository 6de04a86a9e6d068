"""Everything that a deployment needs: package, templates and policies. The product never imports it."""
