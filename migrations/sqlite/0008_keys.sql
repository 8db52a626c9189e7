-- What a clinic asks when a carrier has a bad day: which texts failed with this error?
CREATE INDEX messages_with_error ON messages (error_code, created_at, id) WHERE error_code IS NOT NULL;
