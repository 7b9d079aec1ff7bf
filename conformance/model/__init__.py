"""What should be true: eligibility, tolerations, budgets, availability, revisions, status. Pure functions over narrow records."""
