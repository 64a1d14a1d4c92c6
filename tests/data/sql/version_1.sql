CREATE TABLE hpbandster_runs (
	run TEXT NOT NULL, 
	writer TEXT NOT NULL, 
	records INTEGER NOT NULL, 
	PRIMARY KEY (run)
);
CREATE TABLE hpbandster_records (
	run TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (run, number), 
	FOREIGN KEY(run) REFERENCES hpbandster_runs (run)
);
INSERT INTO "hpbandster_runs" VALUES('run','process 18233 on vm (a0c8a29a9299496f9c346b5226f7dc87)',2);
INSERT INTO "hpbandster_records" VALUES('run',1,'{"version":1,"events":[{"event":"OpenIteration","at":0.0,"iteration":0},{"event":"WorkerJoined","at":0.5,"worker":"w"}]}');
INSERT INTO "hpbandster_records" VALUES('run',2,'{"version":1,"events":[{"event":"OpenIteration","at":1.0,"iteration":1}]}');
