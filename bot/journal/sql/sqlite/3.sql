-- What diagnoses said and what people said of them, to be counted without reading everything else.
CREATE INDEX events_of_diagnoses ON events (at, position) WHERE name IN ('diagnosis-made', 'diagnosis-judged');
