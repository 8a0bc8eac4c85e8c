"""Questions asked of the store: one `.sql` file a question, with its parameters and time ranges, and the sandbox for users' own SQL."""
