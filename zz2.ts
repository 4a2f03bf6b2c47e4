import { DatabaseSync } from 'node:sqlite';
import { Cell } from './src/storage/sqlite/cell/cell.ts';
const db=new DatabaseSync(`/tmp/mem/bench-100000.db`); db.function('alive',{},()=>1); db.exec('pragma cache_size=-2048'); const cell=new Cell(db);
const e='"support" OR "carolin" OR "group"';
const tagq="select memory from memory_tags where tag in (select value from json_each('[\"t3\"]'))";
const V:Record<string,string>={
 full:`select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and +rowid in (select m.id from memories m where (m.expires_at is null or m.expires_at>5) and m.id in (${tagq}) and alive()) and alive() order by score limit 1000`,
 noexp:`select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and +rowid in (${tagq}) and alive() order by score limit 1000`,
 noscore:`select count(*) from memory_text where memory_text match ? and +rowid in (${tagq}) and alive()`,
 cte:`with s as materialized (${tagq}) select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and +rowid in (select memory from s) and alive() order by score limit 1000`,
 sub:`select id, score from (select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and +rowid in (select m.id from memories m where (m.expires_at is null or m.expires_at>5) and m.id in (${tagq}))) order by score limit 1000`,
};
for(const k in V){ console.log(k, cell.all('explain query plan '+V[k]!,e).map((r:any)=>r.detail)); const t=performance.now(); const r=cell.all(V[k]!,e); console.log(r.length,performance.now()-t); const t2=performance.now(); cell.all(V[k]!,e); console.log(performance.now()-t2);}
