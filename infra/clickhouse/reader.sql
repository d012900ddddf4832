-- A user who only reads: readonly 1 also fixes the settings below, so that no question of his takes longer or answers more.
-- They are as well the forms in which services/queries expects times and numbers, since it cannot choose them itself.

CREATE USER IF NOT EXISTS ${user} IDENTIFIED WITH sha256_password BY ${password};
ALTER USER ${user} IDENTIFIED WITH sha256_password BY ${password} SETTINGS date_time_input_format = 'best_effort',
    date_time_output_format = 'iso',
    output_format_json_quote_64bit_integers = 1,
    output_format_json_named_tuples_as_objects = 1,
    max_execution_time = 5,
    max_result_rows = 1000,
    max_memory_usage = 268435456,
    cancel_http_readonly_queries_on_client_close = 1,
    readonly = 1;
