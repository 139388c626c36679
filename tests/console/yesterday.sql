-- Changes as the build before the differences wrote them: each attribute whole in "before", no bytes.
INSERT INTO users (key, id, user_name, user_name_key, external_id, mail_key, more_mail, active, doc, version, seq, created, modified)
VALUES (1, 'u-1', 'ada', 'ada', NULL, NULL, 0, 1, '{"name":{"familyName":"Lovelace","givenName":"Ada"},"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}', 2, 4, 1794000000000, 1794000000000);
INSERT INTO groups (key, id, display_name, display_name_key, external_id, doc, gone, version, seq, created, modified)
VALUES (-1, 'g-1', 'G', 'g', NULL, '{"displayName":"G","schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}', 0, 3, 3, 1794000000000, 1794000000000);
INSERT INTO tombstones (id, kind, seq) VALUES ('u-2', 'User', 5), ('g-2', 'Group', 6);
INSERT INTO changes (seq, request_seq, at, request_id, idempotency_key, token, idp, repairs, kind, resource, id, before, users, active_users, groups, memberships, method, status, previous_seq, lost, clock) VALUES
(1, 1, 1794000000000, 'r-1', NULL, 't-1', '', '[]', 'created', 'User', 'u-1', NULL, 2, 2, 2, 0, 'POST', 201, NULL, 0, NULL),
(2, 3, 1794000000000, 'r-2', NULL, 't-1', '', '[]', 'created', 'Group', 'g-1', NULL, 2, 2, 2, 0, 'POST', 201, NULL, 0, NULL),
(3, 3, 1794000000000, 'r-2', NULL, 't-1', '', '[]', 'members', 'Group', 'g-1', '{"added":["u-2"],"removed":[]}', 2, 2, 2, 1, 'POST', 201, 2, 0, NULL),
(4, 4, 1794000000000, 'r-3', NULL, 't-1', '', '[]', 'updated', 'User', 'u-1', '{"name":{"familyName":"King","formatted":"Augusta King","givenName":"Augusta"},"roles":[{"value":"a"},{"value":"b"}]}', 2, 2, 2, 1, 'PATCH', 200, 1, 0, NULL),
(5, 5, 1794000000000, 'r-4', NULL, 't-1', '', '[]', 'deleted', 'User', 'u-2', '{"active":true,"groups":["g-1"],"userName":"bob"}', 1, 1, 2, 0, 'DELETE', 204, NULL, 1, NULL),
(6, 6, 1794000000000, 'r-5', NULL, 't-1', '', '[]', 'deleted', 'Group', 'g-2', '{"displayName":"Large","memberships":100001}', 1, 1, 1, 0, 'DELETE', 204, NULL, 100001, NULL);
