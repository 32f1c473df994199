-- The tables of HiveTalk's web application, as far as the scheduler reads and writes them.
CREATE TABLE IF NOT EXISTS events (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name           text,
    start_time     timestamptz,
    end_time       timestamptz,
    room_name      text,
    identifier     text,
    description    text,
    image_url      text,
    status         text DEFAULT 'planned',
    nostr_event_id text
) WITH (fillfactor = 50);  -- room for `status`, which each meeting is written twice, beside the row
CREATE INDEX IF NOT EXISTS events_start_time ON events (start_time);
CREATE INDEX IF NOT EXISTS events_end_time ON events (end_time);

CREATE TABLE IF NOT EXISTS room_info (
    room_name      text,
    room_npub      text,
    room_nsec      text,
    room_relay_url text
);
CREATE INDEX IF NOT EXISTS room_info_room_name ON room_info (room_name);
