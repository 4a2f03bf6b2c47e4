/** The process of a model server that is paced by the names of its models. Started by hand it prints its base URL; a parent asks for it. */
import { answerParent } from './support/answer-parent.ts';
import { MODELS } from './support/chat-models.ts';
import { ModelServer } from './support/model-server.ts';
import { type ModelAnswer, modelCommand } from './support/model-process.ts';

const server = new ModelServer(Object.values(MODELS));

answerParent(async (message): Promise<ModelAnswer> => {
  const command = modelCommand.parse(message);
  return command.do === 'listen' ? { url: await server.listen() } : { work: server.takeWork() };
});

if (process.send === undefined) console.log(await server.listen());
