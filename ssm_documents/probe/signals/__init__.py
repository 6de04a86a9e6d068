"""The seven signals: what each sensor looks at, and what it takes for work.

Every source (a library, a folder, a command) is handed in, so that tests read real ones. Whatever counts is watched for
change between two looks or measured between them; no other program's clock is compared with ours.
"""
