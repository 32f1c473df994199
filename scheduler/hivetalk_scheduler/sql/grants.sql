-- The least that the scheduler's role needs; {role} is quoted by the caller.
GRANT USAGE ON SCHEMA hivetalk_scheduler TO {role};
GRANT SELECT ON hivetalk_scheduler.event_source, hivetalk_scheduler.migration TO {role};
GRANT SELECT, INSERT, UPDATE ON
    hivetalk_scheduler.watermark, hivetalk_scheduler.destination, hivetalk_scheduler.counter TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON
    hivetalk_scheduler.delivery, hivetalk_scheduler.payload, hivetalk_scheduler.run, hivetalk_scheduler.test_event
    TO {role};
GRANT EXECUTE ON FUNCTION hivetalk_scheduler.write_back(text[], text[], text[]) TO {role};
