-- What else changed: an object of this kind by its id, of account_id if it belongs to an account.
ALTER TABLE changes ADD COLUMN kind TEXT;
ALTER TABLE changes ADD COLUMN object_id TEXT;
