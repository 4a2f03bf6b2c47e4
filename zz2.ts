import { DatabaseSync } from 'node:sqlite';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Cell } from './src/storage/sqlite/cell/cell.ts';
import { matchExpression, queryTerms } from './src/domains/memory/tokenise.ts';
const data=JSON.parse(gunzipSync(readFileSync('/work/shared/data/locomo-dev.json.gz')).toString());
const qs=data.users.flatMap((u:any)=>u.queries.map((q:any)=>q.question));
for (const N of [1000,100000]){
 const db=new DatabaseSync(`/tmp/mem/bench-${N}.db`); db.function('alive',{},()=>1); db.exec('pragma cache_size=-2048'); const cell=new Cell(db);
 try{db.exec("create virtual table words using fts5vocab('memory_text','row')");}catch{}
 const acc:Record<string,number[]>={}; const T=<X>(k:string,f:()=>X)=>{const t=performance.now();const r=f();(acc[k]??=[]).push(performance.now()-t);return r;};
 const nested=(L:number)=>`select m.id,m.thread,m.place,m.occurred_at,f.score from (select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and alive() order by score limit ${L}) f cross join memories m on m.id=f.id order by f.score`;
 const arr=db.prepare(nested(1000)); arr.setReturnArrays(true);
 let overlap=0,over300=0,cnt=0;
 for(let i=0;i<200;i++){const q=qs[i]; const terms=queryTerms(q);
  const e=matchExpression(terms);
  const full=T('bm25 nested 1000',()=>cell.all(nested(1000),e));
  T('bm25 nested 1000 arrays',()=>arr.all(e));
  T('bm25 nested 500',()=>cell.all(nested(500),e));
  T('bm25 nested 300',()=>cell.all(nested(300),e));
  T('bm25 only 1000',()=>cell.all("select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? and alive() order by score limit 1000",e));
  T('no alive',()=>cell.all("select rowid as id, bm25(memory_text) as score from memory_text where memory_text match ? order by score limit 1000",e));
  const df=T('df vocab',()=>terms.map(t=>[t,Number(cell.get('select doc from words where term=?',t)?.doc??0)] as const));
  T('df count',()=>terms.map(t=>[t,Number(cell.get('select count(*) c from memory_text where memory_text match ?',matchExpression([t]))?.c??0)] as const));
  // prune
  const sorted=[...df].filter(d=>d[1]>0).sort((a,b)=>a[1]-b[1]); const rare:string[]=[]; let sum=0; for(const [t,d] of sorted){ if(sum>=1000) break; rare.push(t); sum+=d; }
  (acc.rareRows??=[]).push(sum); 
  const common=sorted.map(s=>s[0]).filter(t=>!rare.includes(t));
  const pe=common.length===0?e:`(${matchExpression(rare)}) AND (${matchExpression(common)} OR ${matchExpression(rare)} OR ${matchExpression(common)})`;
  const pr=T('pruned',()=>cell.all(nested(1000),pe));
  const top=(k:number,rows:any[])=>new Set(rows.slice(0,k).map(r=>r.id));
  const a=top(20,full),b=top(20,pr); overlap+=[...a].filter(x=>b.has(x)).length; cnt+=a.size;
 }
 console.log('overlap top20',overlap/cnt);
 for(const k in acc){const a=acc[k]!.sort((x,y)=>x-y);console.log(N,k,a[100]!.toFixed(3),a[190]!.toFixed(3));}
}
