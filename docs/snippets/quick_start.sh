isthmus fit people.csv --to model --drop name --report report.html
isthmus encode model people.csv --to codes.csv
isthmus kinds
