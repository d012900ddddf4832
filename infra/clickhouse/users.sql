-- A user for each service, with no more than its job needs. Times come as RFC 3339 text with T and Z, hence
-- best_effort (which is the default only of newer servers).

CREATE USER IF NOT EXISTS ${user} IDENTIFIED WITH sha256_password BY ${password};
ALTER USER ${user} IDENTIFIED WITH sha256_password BY ${password} SETTINGS date_time_input_format = 'best_effort';
